"""Learned agents: Stable-Baselines3 over the native batch, training from a tuned rule, results stored without pickles.

torch and Stable-Baselines3 are imported in this package and nowhere else: ``pip install jitgym[agents]``.
"""
