"""The shapes of the bodies, seen from the side and facing right: x from the middle, y down from the road, both in
units of which a picture has 256 across."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Body:
    """outline: all that is painted; glass: what of it is windows, pillars: where their bars are, x; belt: y of the
    windows' lower edge, and of where another roof colour ends; sill: y of the lower edge; axles: x of the rear and of
    the front wheel; lamp and tail: the middles of the lights; roof: left, right and y of where a load stands; perch:
    where a spoiler stands; doors: x of the lines between them; ends: x of rear and front, and y of the bumpers."""

    outline: str
    glass: str
    pillars: tuple[float, ...]
    belt: float
    sill: float
    axles: tuple[float, float]
    lamp: tuple[float, float]
    tail: tuple[float, float]
    roof: tuple[float, float, float]
    perch: tuple[float, float]
    doors: tuple[float, ...]
    ends: tuple[float, float, float]
    round_lamps: bool = False

    @property
    def top(self) -> float:
        return min(self.roof[2], self.perch[1])


BODIES: Mapping[str, Body] = {
    "hatchback": Body(
        outline=(
            "M-72,-11 Q-77,-11 -77,-16 L-78,-38 C-77,-50 -72,-64 -62,-71 C-56,-75 -12,-76 6,-73 C20,-69 32,-56 40,-47 "
            "C58,-45 74,-42 78,-31 L79,-16 Q79,-11 74,-11 Z"
        ),
        glass="M-67,-48 C-65,-57 -61,-64 -55,-67 C-36,-70 -10,-70 3,-68 C14,-65 23,-56 30,-48 Z",
        pillars=(-43, -6),
        belt=-46,
        sill=-11,
        axles=(-47, 48),
        lamp=(70, -35),
        tail=(-75, -41),
        roof=(-54, 4, -74),
        perch=(-64, -70),
        doors=(-6, 31),
        ends=(-79, 80, -20),
    ),
    "saloon": Body(
        outline=(
            "M-84,-11 Q-89,-11 -89,-16 L-91,-38 Q-91,-46 -82,-47 L-60,-49 C-52,-59 -44,-68 -30,-70 C-12,-72 4,-72 "
            "13,-70 C26,-66 36,-55 43,-48 C64,-46 84,-43 89,-32 L91,-16 Q91,-11 86,-11 Z"
        ),
        glass="M-52,-50 C-45,-59 -39,-64 -29,-66 C-13,-68 3,-67 11,-65 C20,-62 28,-55 34,-49 Z",
        pillars=(-9,),
        belt=-48,
        sill=-11,
        axles=(-53, 55),
        lamp=(81, -36),
        tail=(-88, -39),
        roof=(-32, 10, -70.5),
        perch=(-76, -47),
        doors=(-40, -9, 33),
        ends=(-92, 92, -20),
    ),
    "estate": Body(
        outline=(
            "M-86,-11 Q-91,-11 -91,-16 L-92,-40 C-91,-54 -87,-66 -80,-71 Q-77,-73 -68,-73 L4,-73 C24,-72 35,-57 43,-48 "
            "C64,-46 84,-43 89,-32 L91,-16 Q91,-11 86,-11 Z"
        ),
        glass="M-84,-49 C-83,-58 -80,-64 -76,-67 Q-74,-68 -70,-68 L3,-68 C17,-67 27,-56 34,-49 Z",
        pillars=(-50, -9),
        belt=-47,
        sill=-11,
        axles=(-54, 55),
        lamp=(81, -36),
        tail=(-89, -43),
        roof=(-74, 2, -73),
        perch=(-75, -72),
        doors=(-50, -9, 33),
        ends=(-93, 92, -20),
    ),
    "suv": Body(
        outline=(
            "M-74,-17 Q-79,-17 -79,-22 L-80,-50 C-80,-64 -77,-76 -71,-82 Q-68,-85 -60,-85 L10,-85 C24,-83 35,-66 "
            "42,-57 L70,-54 Q83,-52 84,-42 L85,-22 Q85,-17 79,-17 Z"
        ),
        glass="M-72,-58 C-72,-67 -70,-75 -66,-78 Q-64,-79 -59,-79 L9,-79 C18,-77 27,-66 33,-58 Z",
        pillars=(-42, -6),
        belt=-56,
        sill=-17,
        axles=(-46, 51),
        lamp=(77, -44),
        tail=(-77, -50),
        roof=(-64, 8, -85),
        perch=(-72, -82),
        doors=(-42, -6, 33),
        ends=(-81, 86, -25),
        round_lamps=True,
    ),
    "pickup": Body(
        outline=(
            "M-86,-16 Q-91,-16 -91,-21 L-93,-50 L-26,-50 L-24,-74 Q-23,-81 -15,-81 L16,-81 C28,-79 37,-63 44,-54 "
            "L78,-51 Q90,-49 91,-40 L92,-21 Q92,-16 86,-16 Z"
        ),
        glass="M-18,-55 L-16.5,-72 Q-16,-75 -12,-75 L14,-75 C22,-73 29,-62 34,-55 Z",
        pillars=(),
        belt=-53,
        sill=-16,
        axles=(-57, 57),
        lamp=(83, -42),
        tail=(-89, -42),
        roof=(-20, 16, -81),
        perch=(-75, -50),
        doors=(-23, 34),
        ends=(-94, 93, -24),
    ),
    "van": Body(
        outline=(
            "M-80,-14 Q-85,-14 -85,-19 L-87,-82 Q-87,-93 -76,-93 L34,-93 C48,-91 58,-72 64,-57 L80,-52 Q87,-49 87,-40 "
            "L88,-19 Q88,-14 82,-14 Z"
        ),
        glass="M-78,-58 L-78,-80 Q-78,-84 -73,-84 L32,-84 C41,-82 49,-69 54,-58 Z",
        pillars=(-43, -5, 27),
        belt=-55,
        sill=-14,
        axles=(-52, 55),
        lamp=(80, -42),
        tail=(-84, -44),
        roof=(-70, 26, -93),
        perch=(-75, -92),
        doors=(-5, 27),
        ends=(-88, 89, -22),
        round_lamps=True,
    ),
    "sports car": Body(
        outline=(
            "M-86,-9 Q-91,-9 -91,-14 L-94,-38 Q-93,-44 -84,-45 C-68,-46 -56,-52 -38,-57 C-22,-61 -4,-60 6,-57 "
            "C22,-51 32,-46 44,-42 C66,-40 88,-32 95,-19 L96,-13 Q95,-9 90,-9 Z"
        ),
        glass="M-46,-45 C-34,-51 -26,-54 -16,-55 C-6,-56 0,-55 5,-53 C17,-49 25,-45 31,-42 L28,-41 L-40,-41 Z",
        pillars=(-13,),
        belt=-42,
        sill=-9,
        axles=(-57, 58),
        lamp=(80, -31),
        tail=(-90, -37),
        roof=(-34, 0, -59),
        perch=(-75, -45),
        doors=(-20, 28),
        ends=(-95, 97, -16),
    ),
    "convertible": Body(
        outline=(
            "M-82,-11 Q-87,-11 -87,-16 L-89,-37 Q-89,-45 -80,-46 L-44,-48 Q0,-44 34,-48 C60,-47 82,-43 87,-32 "
            "L89,-16 Q89,-11 84,-11 Z"
        ),
        glass="M37,-47 L20,-70 L14,-62 L10,-47 Z",
        pillars=(),
        belt=-46,
        sill=-11,
        axles=(-53, 54),
        lamp=(80, -36),
        tail=(-86, -39),
        roof=(-30, 10, -69),
        perch=(-76, -46),
        doors=(-22, 28),
        ends=(-90, 90, -20),
    ),
    "small car": Body(
        outline=(
            "M-60,-11 Q-67,-12 -68,-20 C-72,-40 -58,-56 -42,-66 C-22,-80 8,-78 21,-64 C26,-59 29,-54 32,-49 "
            "C48,-48 64,-40 67,-24 L68,-16 Q68,-11 62,-11 Z"
        ),
        glass="M-44,-50 C-38,-60 -26,-68 -12,-69 C2,-70 11,-65 17,-59 C20,-56 22,-53 24,-50 Z",
        pillars=(-14,),
        belt=-48,
        sill=-11,
        axles=(-42, 44),
        lamp=(60, -34),
        tail=(-64, -34),
        roof=(-30, 8, -74),
        perch=(-54, -56),
        doors=(-14, 25),
        ends=(-70, 70, -17),
        round_lamps=True,
    ),
}
