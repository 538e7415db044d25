"""A plant's own data: CSV files in, a scenario that runs out, with what was dropped, fitted and assumed.

``schema`` says what the files hold; ``reading``, ``conventions`` and ``records`` read them, whatever state they are in,
and ``cleaning`` keeps account. ``demand``, ``deliveries`` and ``maintenance`` turn rows into what is fitted, ``line``
into a line that runs; ``plant`` does all in turn; ``summary`` and ``plots`` tell what came of it.
"""
