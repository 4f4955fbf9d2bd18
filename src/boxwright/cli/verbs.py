"""Every verb: the module that carries it out and one line that says what it does.

A module is imported when its verb is used. ``container run``, ``image ls`` and their like are docker's longer
spellings of the same verbs.
"""

from __future__ import annotations

from boxwright.values import NamedTuple


class Verb(NamedTuple):
    module: str
    """A module of `boxwright.cli.commands`."""
    summary: str
    group: str


_IMAGES = "Images"
_BUILD = "Build"
_CONTAINERS = "Containers"
_SHARE = "Share"
_SYSTEM = "System"

VERBS: dict[str, Verb] = {
    "build": Verb("build", "Build an image from a Dockerfile", _BUILD),
    "bake": Verb("bake", "Build all that a file says: docker-bake.hcl, compose.yaml", _BUILD),
    "bootstrap": Verb("bootstrap", "Make a base image from the host's own packages", _BUILD),
    "commit": Verb("commit", "Make an image of a container's changes", _BUILD),
    "images": Verb("images", "List images", _IMAGES),
    "history": Verb("history", "Show the layers of an image", _IMAGES),
    "inspect": Verb("inspect", "Show everything about images, containers and volumes", _IMAGES),
    "sbom": Verb("sbom", "Show what packages are in an image", _IMAGES),
    "attestations": Verb("attestations", "Show what is said of an image: packages, provenance", _IMAGES),
    "tag": Verb("tag", "Give an image another name", _IMAGES),
    "rmi": Verb("rmi", "Remove images", _IMAGES),
    "save": Verb("save", "Write images to a tar archive", _IMAGES),
    "load": Verb("load", "Read images from a tar archive", _IMAGES),
    "import": Verb("import_", "Make an image of a root file system's tar", _IMAGES),
    "run": Verb("run", "Create a container and start it", _CONTAINERS),
    "create": Verb("create", "Create a container", _CONTAINERS),
    "start": Verb("start", "Start stopped containers", _CONTAINERS),
    "stop": Verb("stop", "Stop running containers", _CONTAINERS),
    "restart": Verb("restart", "Restart containers", _CONTAINERS),
    "kill": Verb("kill", "Send a signal to containers", _CONTAINERS),
    "pause": Verb("pause", "Freeze all processes of containers", _CONTAINERS),
    "unpause": Verb("unpause", "Let paused containers go on", _CONTAINERS),
    "rm": Verb("rm", "Remove containers", _CONTAINERS),
    "ps": Verb("ps", "List containers", _CONTAINERS),
    "logs": Verb("logs", "Show what a container printed", _CONTAINERS),
    "exec": Verb("exec", "Run a command in a running container", _CONTAINERS),
    "attach": Verb("attach", "Connect the terminal to a running container", _CONTAINERS),
    "wait": Verb("wait", "Wait for containers to end and print their exit codes", _CONTAINERS),
    "port": Verb("port", "List a container's published ports", _CONTAINERS),
    "top": Verb("top", "Show the processes of a container", _CONTAINERS),
    "stats": Verb("stats", "Show what containers use", _CONTAINERS),
    "update": Verb("update", "Change the limits of containers", _CONTAINERS),
    "cp": Verb("cp", "Copy files between a container and the host", _CONTAINERS),
    "diff": Verb("diff", "Show what changed in a container's file system", _CONTAINERS),
    "export": Verb("export", "Write a container's file system as a tar", _CONTAINERS),
    "rename": Verb("rename", "Rename a container", _CONTAINERS),
    "push": Verb("push", "Send an image to a registry", _SHARE),
    "pull": Verb("pull", "Get an image from a registry", _SHARE),
    "search": Verb("search", "Find images in a registry", _SHARE),
    "imagetools": Verb("imagetools", "Make an index of images in a registry, and look at it", _SHARE),
    "manifest": Verb("manifest", "Print an image's manifest as a registry has it", _SHARE),
    "mirror": Verb("mirror", "Keep repositories alike: in registries, and in folders", _SHARE),
    "sign": Verb("sign", "Sign an image in a registry", _SHARE),
    "verify": Verb("verify", "Verify who signed an image in a registry", _SHARE),
    "login": Verb("login", "Store the credentials of a registry", _SHARE),
    "logout": Verb("logout", "Forget the credentials of a registry", _SHARE),
    "registry": Verb("registry", "Serve a registry, or look into one: ls, tags, inspect, copy, rm", _SHARE),
    "hub": Verb("hub", "Serve a registry with accounts, and manage them", _SHARE),
    "system": Verb("system", "Show and free disk space", _SYSTEM),
    "image": Verb("image", "Manage images", _SYSTEM),
    "container": Verb("container", "Manage containers", _SYSTEM),
    "volume": Verb("volume", "Create, list and remove volumes", _SYSTEM),
    "network": Verb("network", "List and inspect networks", _SYSTEM),
    "builder": Verb("builder", "Show and free the build cache", _SYSTEM),
    "fsck": Verb("fsck", "Check the store, and repair it", _SYSTEM),
    "info": Verb("info", "Show what boxwright found on this machine", _SYSTEM),
    "version": Verb("version", "Show the version", _SYSTEM),
}

# Verbs that nobody types, used by processes that boxwright starts itself.
INTERNAL: dict[str, Verb] = {
    "container-health": Verb("container_health", "Run a container's health checks until it ends", ""),
    "container-exited": Verb("container_exited", "Record the end of a container and take its network down", ""),
}

_SWARM = "boxwright works on one machine"
# docker's verbs that are known and not supported: → why.
REFUSED = {
    "buildx": "there is one builder, and it is here; it knows buildx bake, build, du, imagetools, prune and version",
    "compose": "one container at a time is run",
    "context": "there is no daemon to choose",
    "events": "there is no daemon that sees them all",
    "plugin": "there are no plugins",
    "trust": "there is no content trust",
    **dict.fromkeys(("config", "node", "secret", "service", "stack", "swarm"), _SWARM),
}

_CONTAINER_VERBS = (
    "attach commit cp create diff exec export inspect kill logs pause port rename restart rm run start stats stop top"
    " unpause update wait"
)

# docker's management spelling → the verb, with options that go before the user's. What is missing here is handled by
# the group's own module.
MANAGEMENT: dict[str, dict[str, str]] = {
    "image": {
        "attestations": "attestations",
        "build": "build",
        "history": "history",
        "import": "import",
        "inspect": "inspect --type=image",
        "load": "load",
        "ls": "images",
        "list": "images",
        "pull": "pull",
        "push": "push",
        "rm": "rmi",
        "remove": "rmi",
        "save": "save",
        "sbom": "sbom",
        "tag": "tag",
    },
    "container": {
        **{name: name for name in _CONTAINER_VERBS.split()},
        "inspect": "inspect --type=container",
        "ls": "ps",
        "list": "ps",
        "ps": "ps",
        "remove": "rm",
    },
    "builder": {"build": "build"},
    "buildx": {
        "b": "build",
        "bake": "bake",
        "build": "build",
        "du": "builder du",
        "f": "bake",
        "imagetools": "imagetools",
        "prune": "builder prune",
        "version": "version",
    },
    "system": {"info": "info"},
}
# Further names in there that the help of a group needs not show.
SECOND_NAMES = frozenset({"list", "ps", "remove"})
