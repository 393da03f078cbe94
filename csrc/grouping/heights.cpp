#include "heights.h"

namespace bottomup::grouping {
namespace {

// Calls `visit(link)` for the limbs that show between the joints of one row of members.
template <class Visit>
void visit_limbs(const GroupingModel& model, const Links& links, const int32_t* held, Visit visit) {
    for (int64_t joint = 0; joint < model.joints; ++joint) {
        if (held[joint] < 0) continue;
        for (const Link *link = links.begin(held[joint]), *end = links.middle(held[joint]); link != end; ++link)
            if (held[links.types[size_t(link->other)]] == link->other) visit(*link);
    }
}

}  // namespace

void measure(const GroupingModel& model, const Links& links, State& state, const PersonSet& people) {
    Height height(model.height_ratio);
    for (const int32_t person : people.list) {
        height.clear();
        visit_limbs(model, links, state.row(person),
                    [&](const Link& link) { height.add(link.length, model.max_limb_length[size_t(link.limb)]); });
        state.heights[size_t(person)] = height.get();
    }
}

}  // namespace bottomup::grouping
