"""Actions on warning posts that live on a panel and a battery."""

from __future__ import annotations

from typing import Literal

from firmware_sim.models import Share
from firmware_sim.steps import Step, Targets, World


class PostStep(Step):
    """An action on one post, several, or all ("*")."""

    post: Targets

    def check(self, world: World) -> None:
        """Look the posts up."""
        world.posts_named(self.post)


class PanelLight(PostStep):
    """A panel is covered, stolen (`share: 0`) or clean again (`share: 1`)."""

    do: Literal["panel"]
    share: Share

    def apply(self, world: World) -> None:
        """Set the share of the light that reaches it."""
        for post in world.posts_named(self.post):
            post.light = self.share


class PostBattery(PostStep):
    """A post's battery wears, or is new (`capacity: 1`)."""

    do: Literal["post_battery"]
    capacity: Share

    def apply(self, world: World) -> None:
        """Set what is left of it."""
        for post in world.posts_named(self.post):
            post.capacity = self.capacity
            post.advance(post.now_s)


class FlasherSet(PostStep):
    """A warning lamp stops flashing: dead, or stuck with its light on."""

    do: Literal["flasher"]
    state: Literal["flashing", "steady", "dark"]

    def apply(self, world: World) -> None:
        """Set what it does."""
        for post in world.posts_named(self.post):
            post.flasher = self.state


class PostDoor(PostStep):
    """Somebody opens or closes a post's box."""

    do: Literal["post_door_open", "post_door_closed"]

    def apply(self, world: World) -> None:
        """Open or close it."""
        for post in world.posts_named(self.post):
            post.door_open = self.do == "post_door_open"
