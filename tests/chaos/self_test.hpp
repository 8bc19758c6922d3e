// SPDX-License-Identifier: MIT
// Cells in which a rule is broken on purpose, at the server and past the client.
#pragma once

namespace redstart::chaos {

/// Every cell must fail, and say why. False when one does not.
bool run_self_test();

}  // namespace redstart::chaos
