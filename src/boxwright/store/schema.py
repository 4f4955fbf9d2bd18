"""The tables. A change of them is a new entry at the end of MIGRATIONS, never an edit of an old one.

Times are whole seconds since the epoch, except where a column says that it is RFC 3339 text from outside.
"""

from __future__ import annotations

_FIRST = """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- A layer applied on its parents. The directory snapshots/<id> exists as long as the row does.
CREATE TABLE snapshots (
    chain TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    parent TEXT REFERENCES snapshots (chain),
    diff_id TEXT NOT NULL,
    size INTEGER NOT NULL,           -- bytes of the uncompressed tar
    usage INTEGER NOT NULL,          -- bytes of content in its files
    epoch INTEGER,                   -- the latest time that the tar may hold, where it was made so
    blob_type TEXT,                  -- the blob in content/ that holds this layer, if one does
    blob_digest TEXT,
    blob_size INTEGER,
    created INTEGER NOT NULL,
    durable INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX snapshots_parent ON snapshots (parent);
CREATE INDEX snapshots_diff_id ON snapshots (diff_id);
CREATE INDEX snapshots_blob ON snapshots (blob_digest) WHERE blob_digest IS NOT NULL;

-- The configuration is the blob whose digest is the id.
CREATE TABLE images (
    id TEXT PRIMARY KEY,
    chain TEXT REFERENCES snapshots (chain),
    created TEXT NOT NULL,           -- RFC 3339, from the configuration
    size INTEGER NOT NULL,
    parent TEXT,
    manifest_type TEXT,
    manifest_digest TEXT,
    manifest_size INTEGER,
    intermediate INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX images_chain ON images (chain);
CREATE INDEX images_parent ON images (parent) WHERE parent IS NOT NULL;

CREATE TABLE tags (
    repository TEXT NOT NULL,        -- in full: docker.io/library/debian
    tag TEXT NOT NULL,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
CREATE INDEX tags_image ON tags (image);

CREATE TABLE repo_digests (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,            -- of the manifest, or of the index that it was chosen from
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX repo_digests_image ON repo_digests (image);

CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    image TEXT,
    image_name TEXT NOT NULL,
    created TEXT NOT NULL,           -- RFC 3339
    state TEXT NOT NULL,
    pid INTEGER,
    exit_code INTEGER,
    started TEXT,                    -- RFC 3339
    finished TEXT,                   -- RFC 3339
    chain TEXT REFERENCES snapshots (chain) ON DELETE SET NULL,
    config TEXT NOT NULL,            -- JSON, as it was created
    status TEXT NOT NULL             -- JSON, what changes while it lives
) WITHOUT ROWID;
CREATE INDEX containers_image ON containers (image);
CREATE INDEX containers_chain ON containers (chain);

CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    driver TEXT NOT NULL,
    created TEXT NOT NULL,           -- RFC 3339
    anonymous INTEGER NOT NULL,
    labels TEXT NOT NULL,            -- JSON
    options TEXT NOT NULL            -- JSON
) WITHOUT ROWID;

CREATE TABLE volume_uses (
    volume TEXT NOT NULL REFERENCES volumes (name),
    container TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    PRIMARY KEY (volume, container)
) WITHOUT ROWID;
CREATE INDEX volume_uses_container ON volume_uses (container);

CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    driver TEXT NOT NULL,
    subnet TEXT,
    gateway TEXT,
    created TEXT NOT NULL,           -- RFC 3339
    config TEXT NOT NULL,            -- JSON
    next_host INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE addresses (
    network TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    container TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    PRIMARY KEY (network, address),
    UNIQUE (network, container)
) WITHOUT ROWID;
CREATE INDEX addresses_container ON addresses (container);

-- The build cache: what a step with this key gave.
CREATE TABLE steps (
    key TEXT PRIMARY KEY,
    chain TEXT REFERENCES snapshots (chain) ON DELETE CASCADE,
    document TEXT NOT NULL,          -- JSON, what the key is the digest of
    created INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX steps_chain ON steps (chain);

-- What was at this place of a Dockerfile the last time, so that a rebuild can say what changed.
CREATE TABLE step_slots (
    slot TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES steps (key) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX step_slots_key ON step_slots (key);

-- The digest of a file's content, as long as its identity stays.
CREATE TABLE file_digests (
    path BLOB PRIMARY KEY,
    identity TEXT NOT NULL,          -- dev, ino, size, mtime_ns, ctime_ns
    digest TEXT NOT NULL,
    last_used INTEGER NOT NULL
) WITHOUT ROWID;

-- The digest of a whole selection of a context, as long as its fingerprint stays; and the index of its files.
CREATE TABLE contexts (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    digest TEXT NOT NULL,
    last_used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE context_indexes (
    key TEXT PRIMARY KEY,
    data BLOB NOT NULL,
    last_used INTEGER NOT NULL
);

-- What a process works on that no other row names yet.
CREATE TABLE leases (
    token TEXT NOT NULL,
    kind TEXT NOT NULL,              -- blob, snapshot or image
    object TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,           -- the process's start time, in the kernel's ticks
    boot TEXT NOT NULL,
    PRIMARY KEY (token, kind, object)
) WITHOUT ROWID;
CREATE INDEX leases_object ON leases (kind, object);
"""

_SECOND = """
-- What a layer that was made here was compressed to, the last time it left.
CREATE TABLE packed_layers (
    diff_id TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID;

-- Which repositories had a blob when they were asked last.
CREATE TABLE blob_origins (
    digest TEXT NOT NULL,
    repository TEXT NOT NULL,        -- in full: docker.io/library/debian
    added INTEGER NOT NULL,          -- milliseconds
    PRIMARY KEY (digest, repository)
) WITHOUT ROWID;
"""

_THIRD = """
-- How an image leaves under a tag, where that isn't the usual way: compression, media types, annotations. JSON.
CREATE TABLE tag_forms (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    form TEXT NOT NULL,
    PRIMARY KEY (repository, tag),
    FOREIGN KEY (repository, tag) REFERENCES tags (repository, tag) ON DELETE CASCADE
) WITHOUT ROWID;

-- A tag for several platforms: all its images, in the order of its index. The tag names the one for this machine.
CREATE TABLE tag_platforms (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    position INTEGER NOT NULL,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, tag, position),
    FOREIGN KEY (repository, tag) REFERENCES tags (repository, tag) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX tag_platforms_image ON tag_platforms (image);

-- What is attached to an image and goes where it goes: signatures, bills of materials. The content is a blob.
CREATE TABLE attachments (
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    artifact_type TEXT NOT NULL,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    annotations TEXT NOT NULL,       -- JSON
    PRIMARY KEY (image, artifact_type, digest)
) WITHOUT ROWID;
CREATE INDEX attachments_digest ON attachments (digest);

-- A layer may be compressed in several ways. What was known were hints, and is not carried over.
DROP TABLE packed_layers;
CREATE TABLE packed_layers (
    diff_id TEXT NOT NULL,
    packing TEXT NOT NULL,           -- gzip, zstd, zstd:19
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, packing)
) WITHOUT ROWID;
"""

_FOURTH = """
-- Whose signatures of a manifest or index were good. A digest never means anything else, so rows stay true for ever.
CREATE TABLE verified (
    digest TEXT NOT NULL,
    key TEXT NOT NULL,               -- the key's fingerprint
    PRIMARY KEY (digest, key)
) WITHOUT ROWID;
"""

_FIFTH = """
-- Uploads that pushes have open in registries, so that one that was killed is taken up (see uploads.py).
CREATE TABLE open_uploads (
    repository TEXT NOT NULL,        -- in full: docker.io/library/debian
    content TEXT NOT NULL,           -- the digest, or the DiffID and how it is packed
    url TEXT NOT NULL,
    begun INTEGER NOT NULL,
    pid INTEGER NOT NULL,            -- whose it is while that process lives
    started TEXT NOT NULL,
    boot TEXT NOT NULL,
    PRIMARY KEY (repository, content)
) WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
"""The script at index N brings a database of version N to version N + 1 (SQLite's user_version)."""
