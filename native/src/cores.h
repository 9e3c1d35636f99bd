#pragma once

namespace mtplx::native {

// Physical cores that this process may run on (performance cores on Apple silicon), at least 1.
int physical_cores();

} // namespace mtplx::native
