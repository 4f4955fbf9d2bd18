"""Names for containers that nobody named: an adjective and an animal."""

from __future__ import annotations

import random

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
    name = f"{random.choice(_ADJECTIVES.split())}_{random.choice(_ANIMALS.split())}"
    return name if taken < 3 else f"{name}{random.randrange(10**taken)}"
