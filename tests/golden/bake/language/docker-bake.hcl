LOCAL = "attribute"
variable "LIST" {
  type = list(string)
  default = ["x", "y"]
}
variable "PORTS" {
  default = { http = 80, https = 443 }
}
variable "EMPTY" {}
variable "DEBUG" { default = false }
function "greet" {
  params = [name]
  variadic_params = others
  result = "hello ${join(" and ", concat([name], others))}"
}
target "default" {
  args = {
    greeting = greet("ada", LIST...)
    ports = join(",", [for name, port in PORTS : "${name}=${port}" if port > 100])
    map = jsonencode({ for item in LIST : upper(item) => strlen(item) })
    first = LIST[0]
    splat = join("", [{ a = "1" }, { a = "2" }][*].a)
    sum = 1 + 2 * 3 - 4 / 2
    flags = DEBUG ? "-g" : "-O2"
    empty = EMPTY
    local = LOCAL
    escaped = "$${HOME} %%{if}"
    none = null
    number = 1.50
    truth = !DEBUG && 1 < 2
    trimmed = "a ${~ "b" ~} c"
    loop = "%{ for item in LIST }[${item}]%{ endfor }"
    tried = try(LIST[9], "nothing there")
  }
  dockerfile-inline = <<EOT
FROM scratch
%{ for name, port in PORTS ~}
LABEL ${name}="${port}"
%{ endfor ~}
%{ if DEBUG }
LABEL debug=yes
%{ else }
LABEL debug=no
%{ endif }
EOT
}
