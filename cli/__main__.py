"""``python -m ml3zoo.cli``, which is how ``torchrun`` starts it."""

from . import main

main()
