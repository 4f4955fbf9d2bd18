// A repository with a program, its documentation and checks, as many have it.
variable "GO_VERSION" {
  default = null
}

variable "DESTDIR" {
  default = "./bin"
}

# Filled in by whoever releases.
target "meta-helper" {
  tags = ["example/tool:local"]
}

target "_common" {
  args = {
    GO_VERSION                    = GO_VERSION
    BUILDKIT_CONTEXT_KEEP_GIT_DIR = 1
  }
}

group "default" {
  targets = ["binaries"]
}

group "validate" {
  targets = ["lint", "validate-vendor"]
}

target "lint" {
  inherits = ["_common"]
  dockerfile = "./hack/dockerfiles/lint.Dockerfile"
  output = ["type=cacheonly"]
}

target "validate-vendor" {
  inherits = ["_common"]
  dockerfile = "./hack/dockerfiles/vendor.Dockerfile"
  target = "validate"
  output = ["type=cacheonly"]
}

target "binaries" {
  inherits = ["_common"]
  target = "binaries"
  output = ["${DESTDIR}/build"]
  platforms = ["local"]
}

target "binaries-cross" {
  inherits = ["binaries"]
  platforms = [
    "linux/amd64",
    "linux/arm/v7",
    "linux/arm64",
    "windows/amd64",
  ]
}

target "image" {
  inherits = ["meta-helper", "binaries"]
  output = ["type=image"]
  cache-from = ["type=registry,ref=example/tool:cache", "example/tool:main"]
  cache-to = ["type=inline"]
  attest = ["type=provenance,mode=max", { type = "sbom" }]
  annotations = ["org.opencontainers.image.title=tool", "index:org.opencontainers.image.vendor=${"$"}{x}"]
}

target "image-cross" {
  inherits = ["image", "binaries-cross"]
  output = ["type=image,push=true"]
}
