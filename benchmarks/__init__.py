"""Long measurements. This file makes them a package, since Opacus installs a `benchmarks` of its own."""
