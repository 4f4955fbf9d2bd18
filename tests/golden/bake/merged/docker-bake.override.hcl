variable "V" { default = "override" }
target "app" {
  args = { C = null, D = "override" }
  labels = { v = V }
}
