"""Base images made of what the host has: its distribution's packages, its busybox, its Python."""
