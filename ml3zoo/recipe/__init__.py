"""A recipe: everything that decides a learned loss, and the way from it to a card folder."""

from ml3zoo.recipe.card_folder import refresh_card
from ml3zoo.recipe.finding import find_recipe, list_recipes
from ml3zoo.recipe.recipe import Recipe
from ml3zoo.recipe.rehearsal import rehearse

__all__ = ["Recipe", "find_recipe", "list_recipes", "refresh_card", "rehearse"]
