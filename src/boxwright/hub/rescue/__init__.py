"""When the worst has happened: what the storage records of the database, making it again, and checking both."""
