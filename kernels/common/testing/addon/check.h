#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

// Every kernel against its float64 reference and the law of batch invariance, at a shape that a property test chooses.
namespace mtplx::kernels::testing {

// Numbers by name.
class Shape {
 public:
  explicit Shape(std::map<std::string, int> numbers) : numbers_(std::move(numbers)) {}
  int operator[](const std::string& name) const {
    auto found = numbers_.find(name);
    if (found == numbers_.end()) {
      throw std::invalid_argument("The shape has no " + name + ".");
    }
    return found->second;
  }

 private:
  std::map<std::string, int> numbers_;
};

// "" or what is wrong, of random inputs from the seed. Throws std::out_of_range for a kernel that there is not.
std::string check_kernel(const std::string& op, const Shape& shape, uint64_t seed);

std::vector<std::string> checked_kernels();

} // namespace mtplx::kernels::testing
