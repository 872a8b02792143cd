"""Private image synthesis, compared: ours, DP-MERF, a DPGAN through Opacus alone, and real images."""
