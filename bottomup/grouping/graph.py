"""The person-joint graph of one image (CrowdPose, Li et al., CVPR 2019, sec. 3.3), built bottom-up.

Its nodes are joint candidates and person proposals. Here a proposal is a set of candidates, at most one of each
type, and an edge between a person and a candidate of type k says how much the objective F grows if the person
takes the candidate. F is written down in `objective`.

What runs over every limb is compiled (csrc/cpu/grouping.h); `twins` says the same in plain NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.grouping.links import Edges, Links
from bottomup.grouping.model import tables
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    import networkx

    from bottomup.settings import Settings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Most crowds are settled after two or three sweeps, the noisiest seen after five; a bound for the rest.
MOST_SWEEPS = 10
# A chain of people may need one round of exchanges for each; what is left after these is for the next sweep.
MOST_ROUNDS = 4


@dataclass
class PersonJointGraph:
    """Candidates, their scored pairs, and who holds which candidate.

    Attributes
    ----------
    skeleton, settings:
        What was detected and how to weigh it.
    types:
        (n,) joint type of each candidate, rising.
    xy:
        (n, 2) position in cells.
    responses:
        (n,) what each candidate adds to F: its heatmap value, for the twin of a shared peak less what sharing costs.
    scores:
        (n,) heatmap value, for the twin of a shared peak `shared_score` times that.
    extents:
        (n,) Gaussian width in cells.
    links:
        The scored candidate pairs, as the compiled steps look them up.
    owner:
        (n,) the person that holds each candidate, -1 for none.
    slots:
        (P, K) the candidate of each type that a person holds, -1 for none.
    scales:
        (P,) each person's height in cells as far as it can be told from its limbs, NaN if it cannot.
    neighbours, reach:
        For each joint type those that a limb joins it to; (K, K) how far apart two joints can be, in heights (see
        `anthropometry.max_limb_lengths`).
    """

    skeleton: Skeleton
    settings: Settings
    types: Ints
    xy: Floats
    responses: Floats
    extents: Floats
    links: _C.GroupingLinks
    owner: Ints = field(init=False)
    slots: Ints = field(init=False)
    scales: Floats = field(init=False)
    scores: Floats = field(init=False)
    neighbours: tuple[Ints, ...] = field(init=False)
    reach: Floats = field(init=False)

    def __post_init__(self) -> None:
        joints = self.skeleton.num_joints
        self.owner = np.full(len(self.types), -1, np.int64)
        self.slots = np.full((0, joints), -1, np.int64)
        self.scales = np.zeros(0)
        self.scores = self.responses
        _, self.reach, self._limb_reach, self._body, self.neighbours = tables(self.skeleton, self.settings)

    @property
    def pairs(self) -> Links:
        """A copy of the scored candidate pairs, `own` being the joint that the limb leaves."""
        return Links(*self.links.pairs())

    @property
    def num_people(self) -> int:
        return len(self.slots)

    def candidates_of(self, joint: int) -> Ints:
        """Indices of the candidates of a type."""
        return np.flatnonzero(self.types == joint)

    def split(self, candidates: Ints) -> None:
        """Give candidates a twin: two people whose joints lie within one peak can then both have theirs.

        A twin has the links and the place of its original, its response less `shared_peak_cost` and its score times
        `shared_score`.
        """
        self._add_twins(candidates)
        self.owner = np.concatenate([self.owner, np.full(len(candidates), -1)])

    def _add_twins(self, candidates: Ints) -> None:
        self.links = self.links.split(candidates)
        self.types = np.concatenate([self.types, self.types[candidates]])
        self.xy = np.concatenate([self.xy, self.xy[candidates]])
        self.extents = np.concatenate([self.extents, self.extents[candidates]])
        self.scores = np.concatenate([self.scores, self.scores[candidates] * self.settings.shared_score])
        self.responses = np.concatenate([self.responses, self.responses[candidates] - self.settings.shared_peak_cost])

    # -- the objective -----------------------------------------------------------------------------------------

    def limb_gain(self, links: Links, scale: Floats) -> Floats:
        """What each scored pair adds to F when somebody of that scale holds both ends: affinity times length prior,
        less the cost of a missing limb in so far as it is too long to be one of this person's.

        The prior is 1 as long as the limb is no longer than the person's body allows, and falls like a Gaussian
        beyond; whether it can be a limb at all has twice the tolerance. Foreshortening makes limbs shorter, never
        longer, so short ones cost nothing.
        """
        longest = np.maximum(scale * self._limb_reach[links.limb], 1.0)
        excess = np.nan_to_num(np.maximum(links.length / longest - 1.0, 0.0), nan=0.0)
        prior, possible = (np.exp(-0.5 * (excess / (n * self.settings.length_tolerance)) ** 2) for n in (1, 2))
        gain: Floats = links.affinity * prior - self.settings.missing_limb_cost * (1 - possible)
        return gain

    def objective(self) -> float:
        """F: responses of the joints used, plus the gain of every limb with both ends in one person, minus a cost
        for every limb that a person's joints should have but the field does not show, minus a cost per person.

        Nobody shares a candidate under F. Who has a joint within somebody else's peak is decided once F grows no more
        (see `shared`), and holds a twin of that candidate."""
        return self.links.objective(self.owner, self.slots, self.scales, self.responses)

    def alone(self, candidates: Ints) -> Floats:
        """What a candidate adds to F by itself: as a person of one joint if that is worth it, else unused."""
        alone: Floats = np.maximum(self.responses[candidates] - self.settings.person_cost, 0.0)
        return alone

    # -- one joint type ----------------------------------------------------------------------------------------

    def release(self, joint: int) -> None:
        """Take the candidates of one type away from everybody and forget people who held nothing else."""
        self.slots[:, joint] = -1
        self.owner[self.types == joint] = -1
        self.compact()

    def edges(self, joint: int) -> Edges:
        """The edges that pass between people, who must not hold the type now, and the candidates of the type.

        Only a scored limb makes an edge: a joint whose neighbours have all left its person is set free.
        """
        return Edges(*self.links.edges(joint, self.owner, self.slots, self.scales, self.responses))

    def take(self, joint: int, person: Ints, candidate: Ints) -> None:
        """Let people hold candidates of a type; those that nobody holds open new people where that pays."""
        self.slots[person, joint] = candidate
        self.owner[candidate] = person
        mine = self.candidates_of(joint)
        lone = mine[(self.owner[mine] < 0) & (self.responses[mine] > self.settings.person_cost)]
        fresh = np.full((len(lone), self.skeleton.num_joints), -1, np.int64)
        fresh[:, joint] = lone
        self.owner[lone] = self.num_people + np.arange(len(lone))
        self.slots = np.concatenate([self.slots, fresh])
        self.scales = np.concatenate([self.scales, np.full(len(lone), np.nan)])

    def sweep(self, changed: Bools | None = None) -> tuple[Ints, Bools]:
        """Release, and assign anew, every joint type from the torso outward; heights are frozen meanwhile.

        `changed` (P,) tells who changed since the last sweep began: what has nothing to do with them would be assigned
        the same again and is left as it is. None assigns everything anew.

        Returns, of the people that there are then, (P',) the number that they had, -1 for a new one, and (P',) who
        holds anything else than before.
        """
        self.owner, self.slots, self.scales, kept, moved = self.links.sweep(
            self.owner, self.slots, self.scales, self.responses, changed
        )
        return kept, moved

    def settle(self) -> None:
        """Sweep, merge fragments and exchange branches until F grows no more; see `sweep.settle`."""
        self.owner, self.slots, self.scales = self.links.settle(
            self.owner, self.slots, self.scales, self.responses, MOST_SWEEPS, MOST_ROUNDS
        )

    def group(self) -> None:
        """Group the candidates into people; see `sweep.group_in_steps`."""
        settings = self.settings
        self.owner, self.slots, self.scales, twins = self.links.group(
            self.owner, self.slots, self.scales, self.responses, self.xy, self._body, MOST_SWEEPS, MOST_ROUNDS,
            settings.orphan_joints, settings.orphan_odds, settings.height_spread,
            settings.sharing_joints, settings.sharing_limit, settings.shared_limb, settings.shared_peak_cost,
        )  # fmt: skip
        if len(twins):
            self._add_twins(twins)

    # -- people ------------------------------------------------------------------------------------------------

    def absorb(self, person: int | Ints, other: int | Ints) -> None:
        """Let one person hold all that another, with whom it shares no joint type, holds; or each of several people
        what one other of them does."""
        person, other = np.atleast_1d(person), np.atleast_1d(other)
        joined = self.slots[other]
        self.slots[person] = np.where(joined >= 0, joined, self.slots[person])
        self.slots[other] = -1
        row, joint = np.nonzero(joined >= 0)
        self.owner[joined[row, joint]] = person[row]

    def compact(self) -> None:
        """Drop people who hold nothing and number the others anew."""
        some = (self.slots >= 0).any(axis=1)
        if some.all():
            return
        number = np.append(np.cumsum(some) - 1, -1)
        self.owner = number[self.owner]
        self.slots, self.scales = self.slots[some], self.scales[some]

    def measure(self, which: Bools | None = None) -> None:
        """Tell each person's height, or those of some (P,), from the limbs they hold: the longest for its kind speaks,
        since foreshortening only shortens; the second longest if there are three, since one of them may be wrong; of
        that no more than `height_ratio` times the median, the upper one of two, since more of them may be."""
        if which is None:
            which, self.scales = np.ones(self.num_people, bool), np.full(self.num_people, np.nan)
        self.scales = self.links.measure(self.owner, self.slots, self.scales, which)

    def mergers(self, touched: Bools) -> tuple[Ints, Ints]:
        """Pairs of people, at least one of them touched, whose merger raises F: the best first, nobody twice."""
        first, second, _ = self.links.mergers(self.owner, self.slots, self.scales, touched)
        return first, second

    def exchanges(self, touched: Bools) -> tuple[Ints, Ints, Ints]:
        """Pairs of people, at least one of them touched, and which exchange of joints between them raises F most (its
        row of `skeleton_tree.branches`): the best first, nobody twice."""
        return self.links.exchanges(self.owner, self.slots, self.scales, touched)

    def attach(self) -> Ints:
        """(P,) for each person the number of one, the same for those who are pieces of one person; see `orphans`."""
        settings = self.settings
        orphans = settings.orphan_joints, settings.orphan_odds, settings.height_spread
        return self.links.attach(self.owner, self.slots, self.scales, self.xy, self._body, *orphans)

    def share(self) -> tuple[Ints, Ints]:
        """(n,) people and (n,) which candidate of somebody else each of them may have as well; see `shared`."""
        settings = self.settings
        sharing = settings.sharing_joints, settings.sharing_limit, settings.shared_limb, settings.shared_peak_cost
        return self.links.share(self.owner, self.slots, self.scales, self.responses, *sharing)

    def unite(self, numbers: Ints) -> None:
        """Let people who have the same of these numbers (P,), 0 to P - 1, and share no joint type be one person."""
        self.owner, self.slots, self.scales = self.links.unite(self.owner, self.slots, self.scales, numbers)

    def to_networkx(self) -> networkx.Graph:
        """The graph for people who want to look: nodes ("person", i) and ("joint", j), edges with `weight`.

        Candidate nodes carry joint, x, y, response; an edge that the grouping chose has `held=True`. Edge weights
        are the change of F if that person gave up the candidate of that type and took this one instead of none.
        """
        import networkx

        graph = networkx.Graph()
        for person in range(self.num_people):
            graph.add_node(("person", person), kind="person", height=float(self.scales[person]))
        for index, joint in enumerate(self.types):
            x, y = map(float, self.xy[index])
            response = float(self.responses[index])
            graph.add_node(
                ("joint", index), kind="joint", joint=self.skeleton.joints[joint], x=x, y=y, response=response
            )
        for joint in range(self.skeleton.num_joints):
            without = self.copy()
            without.slots[:, joint] = -1
            without.owner[without.candidates_of(joint)] = -1
            for person, candidate, weight in zip(*without.edges(joint), strict=True):
                held = bool(self.slots[person, joint] == candidate)
                graph.add_edge(("person", int(person)), ("joint", int(candidate)), weight=float(weight), held=held)
        for held_index in np.flatnonzero(self.owner >= 0):
            edge = ("person", int(self.owner[held_index])), ("joint", int(held_index))
            if not graph.has_edge(*edge):
                graph.add_edge(*edge, weight=0.0, held=True)
        return graph

    def copy(self) -> PersonJointGraph:
        """An independent copy of the state; candidates and pairs are shared."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.owner, twin.slots, twin.scales = self.owner.copy(), self.slots.copy(), self.scales.copy()
        return twin
