variable "TAG" { default = "latest" }
target "_base" {
  args = { A = "file", B = "file" }
}
target "app" {
  inherits = ["_base"]
  tags = ["ada/app:${TAG}"]
  secret = ["id=token,env=TOKEN"]
  output = ["type=image"]
}
target "web" {
  inherits = ["_base"]
  tags = ["ada/web:${TAG}"]
}
