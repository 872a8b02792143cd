"""Long measurements. A package of its own, since Opacus installs one of the same name."""
