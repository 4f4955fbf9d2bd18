"""Blobs as objects of an S3-compatible bucket.

    PREFIX/uploads/<key>                               an upload: its last bytes, and where the others are
    PREFIX/data/<key>                                  what was uploaded under a key in parts of a multipart upload
    PREFIX/data/<algorithm>-<hex>                      content that was small enough for one request
    PREFIX/blobs/<algorithm>/<first two digits>/<hex>  a link: which of these objects is the blob, and its size

    bucket      the requests, in our types and errors
    incoming    bytes on their way in: parts, and the tail that is too short for one
    links       digest → object
    reader      an object as a seekable stream
    storage     the contract of a blob storage, out of these

A multipart upload gets its name when it begins, but a client says the digest when it has sent everything. So the bytes
would have to be copied to a name with the digest, which takes S3 seconds for each GB and compatible stores all the
disk's bandwidth. A link costs one small request, once for each blob and process: it is remembered, since blobs never
change. The link is in the bucket and not in the database, so that the bucket alone says which blobs it holds.
"""
