#pragma once

#include <cstdint>

// Counter-based random numbers, the twin of runtime/decoding/random.ts. Philox 4x32-10: J. Salmon, M. Moraes, R. Dror,
// D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
namespace mtplx::kernels {

struct Philox {
  uint32_t word[4];
};

inline Philox philox4x32(const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = static_cast<uint64_t>(0xd2511f53u) * c0;
    uint64_t p1 = static_cast<uint64_t>(0xcd9e8d57u) * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return {{c0, c1, c2, c3}};
}

// Purposes as in random.ts; the engine draws with Gumbel noise alone.
inline constexpr uint32_t purpose_gumbel = 5;

// 53 bits in (0, 1): never 0 (0 becomes 2^-54) and never 1.
inline double philox_uniform(uint64_t seed, uint32_t choice, uint32_t position, uint32_t purpose, uint32_t token) {
  const uint32_t counter[4] = {position, purpose, token, static_cast<uint32_t>(seed >> 32)};
  const uint32_t key[2] = {static_cast<uint32_t>(seed), choice};
  Philox r = philox4x32(counter, key);
  uint64_t bits = (static_cast<uint64_t>(r.word[0] >> 5) << 26) | (r.word[1] >> 6);
  return bits == 0 ? 0x1p-54 : static_cast<double>(bits) * 0x1p-53;
}

} // namespace mtplx::kernels
