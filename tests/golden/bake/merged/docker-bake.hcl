variable "V" { default = "hcl" }
target "app" {
  args = { C = V }
  platforms = ["linux/arm64"]
}
target "other" {}
group "default" { targets = ["app", "other"] }
