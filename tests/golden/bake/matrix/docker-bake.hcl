variable "REGISTRY" { default = "registry.example:5000/ada" }

group "all" {
  description = "everything there is"
  targets = ["app", "tools"]
}

target "app" {
  name = "app-${item.name}-${replace(version, ".", "-")}"
  description = "the program"
  matrix = {
    item = [
      { name = "lint", target = "linter" },
      { name = "run", target = null },
    ]
    version = ["3.11", "3.12"]
  }
  target = item.target
  args = { VERSION = version, KIND = upper(item.name) }
  tags = [
    "${REGISTRY}/app:${item.name}-${version}",
    version == "3.12" ? "${REGISTRY}/app:${item.name}" : "",
  ]
}

target "tools" {
  name = tgt
  matrix = { tgt = ["awk", "sed"] }
  context = "./tools/${tgt}/"
  contexts = {
    base = "target:app-run-3-12"
    docs = "docs"
    none = ""
  }
}
