"""What becomes of a build: files, archives, images in the store and in registries."""
