"""The person-joint graph of one image (CrowdPose, Li et al., CVPR 2019, sec. 3.3), built bottom-up.

Its nodes are joint candidates and person proposals. Here a proposal is a set of candidates, at most one of each
type, and an edge between a person and a candidate of type k says how much the objective F grows if the person
takes the candidate. F is written down in docs/architecture.md, "The objective".

The graph is a compiled object (csrc/grouping, csrc/bindings/grouping.cpp), which this wraps;
`bottomup.grouping.reference` says the same in plain NumPy, file for file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.grouping.edges import Edges, Pairs, limb_gain
from bottomup.grouping.model import GroupingModel, grouping_model
from bottomup.grouping.options import GroupingOptions
from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    import networkx

    from bottomup.settings import Settings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class PersonJointGraph:
    """Candidates, their scored pairs, and the assignment state: candidate -> person and (person, joint type) ->
    candidate. Arrays are copies: methods change the graph.

    Parameters
    ----------
    skeleton, settings:
        What was detected and how to weigh it.
    types:
        (n,) int64 joint type of each candidate, rising.
    xy:
        (n, 2) float64 position in cells.
    responses:
        (n,) float64 heatmap value of each candidate.
    pairs:
        The scored candidate pairs, `own` being the joint that the limb leaves.
    options:
        In place of `settings.grouping`; None for these.

    Raises
    ------
    ValueError
        If shapes do not fit each other, or a number points nowhere.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        settings: Settings,
        types: Ints,
        xy: Floats,
        responses: Floats,
        pairs: Pairs,
        *,
        options: GroupingOptions | None = None,
    ) -> None:
        model = _model_of(skeleton, settings, options)
        row = np.ascontiguousarray
        links = Pairs(row(pairs.own), row(pairs.other), row(pairs.limb), row(pairs.affinity), row(pairs.length))
        compiled = _C.PersonJointGraph(model.compiled, row(types), row(xy), row(responses), links)
        self._set(skeleton, settings, model, compiled)

    def _set(
        self, skeleton: Skeleton, settings: Settings, model: GroupingModel, compiled: _C.PersonJointGraph
    ) -> PersonJointGraph:
        self.skeleton, self.settings, self.model, self.compiled = skeleton, settings, model, compiled
        return self

    @classmethod
    def of_image(
        cls,
        image: int,
        skeleton: Skeleton,
        settings: Settings,
        candidates: Candidates,
        pairs: LimbPairs,
        typical_affinity: float,
    ) -> PersonJointGraph:
        """The graph of one image of what the kernels found of a batch; see `build_graph`."""
        model = _model_of(skeleton, settings)
        compiled = _C.PersonJointGraph.of_image(
            model.compiled, image, candidates, pairs, settings.peak_threshold, typical_affinity
        )
        return object.__new__(cls)._set(skeleton, settings, model, compiled)

    # -- arrays --------------------------------------------------------------------------------------------------

    @property
    def types(self) -> Ints:
        """(n,) joint type of each candidate; rising, but for duplicates, which come last."""
        return self.compiled.types

    @property
    def xy(self) -> Floats:
        """(n, 2) position in cells."""
        return self.compiled.xy

    @property
    def responses(self) -> Floats:
        """(n,) what each candidate adds to F: its heatmap value, for a duplicate less `SharingOptions.peak_cost`."""
        return self.compiled.responses

    @property
    def scores(self) -> Floats:
        """(n,) heatmap value, for a duplicate `SharingOptions.score_factor` times that."""
        return self.compiled.scores

    @property
    def pairs(self) -> Pairs:
        """The scored candidate pairs, `own` being the joint that the limb leaves."""
        return Pairs(*self.compiled.pairs())

    @property
    def person_of(self) -> Ints:
        """(n,) the person that has each candidate, -1 for none."""
        return self.compiled.person_of

    @property
    def members(self) -> Ints:
        """(P, K) the candidate of each type that a person has, -1 for none."""
        return self.compiled.members

    @property
    def heights(self) -> Floats:
        """(P,) each person's height in cells as far as it can be told from its limbs, NaN if it cannot."""
        return self.compiled.heights

    @property
    def num_people(self) -> int:
        """How many people there are, those without candidates included."""
        return self.compiled.num_people

    def candidates_of(self, joint: int) -> Ints:
        """Indices of the candidates of a type."""
        return np.flatnonzero(self.types == joint)

    def people(self) -> list[Ints]:
        """The candidates of each person that has any."""
        return [row[row >= 0] for row in self.members if row.max(initial=-1) >= 0]

    # -- the objective -------------------------------------------------------------------------------------------

    def limb_gain(self, pairs: Pairs, heights: Floats) -> Floats:
        """What each pair adds to F when a person of that height has both ends; see `edges.limb_gain`."""
        return limb_gain(pairs, heights, self.model.max_limb_length, self.settings.grouping)

    def objective(self) -> float:
        """F: responses of the joints used, plus the gain of every limb with both ends in one person, minus a cost
        for every limb that a person's joints should have but the field does not show, minus a cost per person.

        A candidate serves one person under F. Whether a person has a joint within another one's peak is decided once F
        grows no more (see `share_peaks`); it then has a duplicate of that candidate."""
        return self.compiled.objective()

    def edges(self, joint: int) -> Edges:
        """The edges between people, of which none must have the type now, and the candidates of the type.

        Only a scored limb makes an edge: a joint whose neighbours have all left its person is set free.
        """
        return Edges(*self.compiled.edges(joint))

    # -- changes of the state ------------------------------------------------------------------------------------

    def assign(self, joint: int, person: Ints, candidate: Ints) -> None:
        """Give people candidates of a type; those that are left open new people where that pays."""
        self.compiled.assign(joint, np.ascontiguousarray(person), np.ascontiguousarray(candidate))

    def set_people(self, people: Sequence[Ints]) -> None:
        """Let the graph's people be these and no others: of each the candidates, at most one of a type."""
        types = self.types
        members = np.full((len(people), self.skeleton.num_joints), -1, np.int64)
        person_of = np.full(len(types), -1, np.int64)
        for person, candidates in enumerate(people):
            members[person, types[candidates]] = candidates
            person_of[candidates] = person
        self.set_state(person_of, members, np.full(len(people), np.nan))
        self.measure()

    def set_state(self, person_of: Ints, members: Ints, heights: Floats) -> None:
        """Set `person_of`, `members` and `heights`, which must say the same.

        Raises
        ------
        ValueError
            If they do not.
        """
        self.compiled.set_state(
            np.ascontiguousarray(person_of), np.ascontiguousarray(members), np.ascontiguousarray(heights)
        )

    def merge_people(self, person: int, other: int) -> None:
        """Give one person all that another, with which it shares no joint type, has; the other one is left empty."""
        self.compiled.merge_people(person, other)

    def add_person(self, candidates: Ints) -> None:
        """A new person of free candidates of different types."""
        self.compiled.add_person(candidates)

    def compact(self) -> None:
        """Drop people without candidates and number the others anew."""
        self.compiled.compact()

    def measure(self) -> None:
        """Tell each person's height from its limbs: the longest for its kind speaks, since foreshortening only
        shortens; the second longest if there are three, since one of them may be wrong; of that no more than
        `height_ratio` times the median, the upper one of two, since more of them may be."""
        self.compiled.measure()

    def duplicate(self, candidates: Ints) -> None:
        """Add a duplicate of candidates: two people whose joints lie within one peak can then both have theirs.

        A duplicate has the pairs and the place of its original, its response less `SharingOptions.peak_cost` and its
        score times `SharingOptions.score_factor`.
        """
        self.compiled.duplicate(candidates)

    # -- the grouping --------------------------------------------------------------------------------------------

    def optimize(self) -> None:
        """Sweep, merge fragments and exchange branches until F grows no more; see `reference.optimize`."""
        self.compiled.optimize()

    def attach_fragments(self) -> None:
        """Give small fragments that no limb joins to the people that they fit; see `reference.fragments`."""
        self.compiled.attach_fragments()

    def share_peaks(self) -> None:
        """Let people that lack a joint have it within another one's peak; see `reference.shared_peaks`."""
        self.compiled.share_peaks()

    def group(self) -> None:
        """Group the candidates into people: `optimize`, `attach_fragments`, `share_peaks`."""
        self.compiled.group()

    # -- for people who want to look -----------------------------------------------------------------------------

    def to_networkx(self) -> networkx.Graph:
        """The graph to look at: nodes ("person", i) and ("joint", j), edges with `weight`.

        Candidate nodes carry joint, x, y, response; an edge that the grouping chose has `held=True`. Edge weights
        are the change of F if that person gave up the candidate of that type and took this one instead of none.
        """
        import networkx

        graph = networkx.Graph()
        types, xy, responses, person_of = self.types, self.xy, self.responses, self.person_of
        members, heights = self.members, self.heights
        for person, height in enumerate(heights.tolist()):
            graph.add_node(("person", person), kind="person", height=height)
        for index, joint in enumerate(types.tolist()):
            x, y = xy[index].tolist()
            response = float(responses[index])
            graph.add_node(
                ("joint", index), kind="joint", joint=self.skeleton.joints[joint], x=x, y=y, response=response
            )
        for joint in range(self.skeleton.num_joints):
            without, rest = self.copy(), members.copy()
            rest[:, joint] = -1
            without.set_state(np.where(types == joint, -1, person_of), rest, heights)
            for person, candidate, weight in zip(*without.edges(joint), strict=True):
                held = bool(members[person, joint] == candidate)
                graph.add_edge(("person", int(person)), ("joint", int(candidate)), weight=float(weight), held=held)
        for index in np.flatnonzero(person_of >= 0).tolist():
            edge = ("person", int(person_of[index])), ("joint", index)
            if not graph.has_edge(*edge):
                graph.add_edge(*edge, weight=0.0, held=True)
        return graph

    def copy(self) -> PersonJointGraph:
        """An independent copy; candidates and pairs are shared."""
        blank = object.__new__(type(self))
        return blank._set(self.skeleton, self.settings, self.model, self.compiled.copy())


def _model_of(skeleton: Skeleton, settings: Settings, options: GroupingOptions | None = None) -> GroupingModel:
    return grouping_model(skeleton, options or settings.grouping, settings.fragments, settings.sharing)
