"""Images as immutable views, pure changes of them, and the files that carry them around."""
