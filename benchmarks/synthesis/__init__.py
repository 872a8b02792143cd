"""Private image synthesis side by side: ours, DP-MERF, a DPGAN through Opacus alone, and real images."""
