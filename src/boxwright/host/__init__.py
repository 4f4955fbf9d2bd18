"""Everything that asks the kernel or another process for something. No word of images or containers in here."""
