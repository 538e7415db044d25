"""Just-in-time management: a company of several lines, run for years by what it invests, rolls out and buffers."""
