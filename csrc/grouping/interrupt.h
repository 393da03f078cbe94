// A way out of long loops, for a user who presses Ctrl-C.
#pragma once

#include <functional>

namespace bottomup::grouping {

// Called every so often in loops that may take long; throws to end them.
using Interrupt = std::function<void()>;

}  // namespace bottomup::grouping
