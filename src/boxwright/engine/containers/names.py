"""Names for containers that nobody named: an adjective and an animal."""

from __future__ import annotations

import os

_ADJECTIVES = (
    "able agile amber ample brave brisk calm clever cosy curious dapper eager early easy fair fancy fleet fond "
    "frank gentle glad golden grand handy happy hardy honest jolly keen kind lively loyal lucky mellow merry mild "
    "neat nimble noble patient placid plucky polite proud quick quiet ready sharp shiny silent smart snug solid "
    "spry steady sturdy sunny swift tidy tough trusty upbeat vivid warm wise witty young zesty"
)
_ANIMALS = (
    "badger beaver bison camel cheetah cobra condor coyote crane cricket dingo dolphin eagle egret falcon ferret "
    "finch fox gecko gibbon goose grouse hare hawk heron hornet ibex jackal jaguar kestrel koala lark lemur "
    "lizard llama lynx magpie marmot marten mole moose newt ocelot orca osprey otter owl panda pelican petrel "
    "puffin quail rabbit raven robin salmon seal shrew skunk sparrow stoat stork swan tapir thrush toad trout "
    "viper walrus weasel wombat wren yak zebra"
)


def random_name(taken: int = 0) -> str:
    """Return a name such as ``jolly_otter``; after a few `taken` ones a digit makes it longer."""
    adjectives, animals = _ADJECTIVES.split(), _ANIMALS.split()
    number = int.from_bytes(os.urandom(16))  # the module random takes 1 ms to import
    number, adjective = divmod(number, len(adjectives))
    number, animal = divmod(number, len(animals))
    name = f"{adjectives[adjective]}_{animals[animal]}"
    return name if taken < 3 else f"{name}{number % 10**taken}"
