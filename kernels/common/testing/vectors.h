#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace mtplx::testing {

// The lines of vectors.txt (beside this file) that begin with `kind`, as hexadecimal words. The tests run in the
// package's root.
inline std::vector<std::vector<uint64_t>> vectors_of(const std::string& kind) {
  const char* path = "kernels/common/testing/vectors.txt";
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error(std::string("Cannot read ") + path);
  }
  std::vector<std::vector<uint64_t>> found;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name >> std::hex;
    if (name == kind) {
      found.emplace_back();
      for (uint64_t word; words >> word;) {
        found.back().push_back(word);
      }
    }
  }
  return found;
}

} // namespace mtplx::testing
