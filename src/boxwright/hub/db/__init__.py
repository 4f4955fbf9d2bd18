"""What the hub knows about blobs: repositories, tags, manifests, uploads. One contract (`metadata`), two stores."""
