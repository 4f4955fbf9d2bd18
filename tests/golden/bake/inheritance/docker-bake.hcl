target "a" {
  args = { ONE = "a", TWO = "a", THREE = null }
  labels = { "com.example.a" = "<a & b>" }
  tags = ["a"]
  cache-from = ["a", "b"]
  secret = ["id=x,env=X", "type=file,id=y,src=docker-bake.hcl"]
  ulimits = ["nofile=1024:1024"]
  no-cache-filter = ["one"]
  extra-hosts = { one = "10.0.0.1" }
  entitlements = ["security.insecure"]
  attest = ["type=sbom", "type=provenance,mode=max"]
  resources = { memory = "1g", cpu-shares = 5 }
  call = "check"
  pull = true
}
target "b" {
  args = { TWO = "b", THREE = "b" }
  cache-from = ["b", "c"]
  secret = ["id=x,src=docker-bake.hcl"]
  ulimits = ["nproc=5", "nofile=1024:1024"]
  no-cache-filter = ["one", "two"]
  network = "host"
  attest = ["type=provenance,disabled=true"]
  resources = { memory = "2g" }
  pull = false
}
target "c" {
  inherits = ["a", "b"]
  context = "cwd://./x/../y/"
  dockerfile-inline = <<-EOT
    FROM scratch
    COPY $${FILE} /
  EOT
  output = ["out", "type=oci,dest=out.tar", { type = "image", name = "a,b" }, "-"]
  shm-size = "64m"
  call = "build"
}
target "default" {
  inherits = ["c"]
  args = { ONE = "${target.c.dockerfile-inline == null ? "" : target.a.args.ONE}-d" }
  tags = concat(target.a.tags, ["d"])
  no-cache = true
}
