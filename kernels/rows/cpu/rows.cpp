#include "kernels/rows/rows.h"

#include <cstring>

namespace mtplx::kernels {

namespace {

[[noreturn]] void refuse(const char* message) {
  throw std::invalid_argument(std::string("[rows] ") + message);
}

bool same_rows(const mx::array& a, const mx::array& b) {
  return a.dtype() == b.dtype() && a.ndim() == b.ndim() &&
         std::equal(a.shape().begin() + 1, a.shape().end(), b.shape().begin() + 1);
}

} // namespace

mx::array gather_rows(const std::vector<RowsPart>& parts) {
  int total = 0;
  std::vector<mx::array> inputs;
  for (const auto& part : parts) {
    if (part.rows.ndim() == 0 || !same_rows(part.rows, parts[0].rows)) {
      refuse("the parts must be arrays [R, ..] of one width and dtype.");
    }
    if (part.begin < 0 || part.count < 0 || part.count > part.rows.shape(0) - part.begin) {
      refuse("a part lies outside its array.");
    }
    total += part.count;
    inputs.push_back(part.rows);
  }
  if (total == 0) {
    refuse("there is no row to gather.");
  }
  if (parts.size() == 1 && total == parts[0].rows.shape(0)) {
    return parts[0].rows;
  }
  mx::Shape shape = parts[0].rows.shape();
  shape[0] = total;
  return cpu_task1("gather_rows", inputs, {std::move(shape), parts[0].rows.dtype()},
                   [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     size_t width = out[0].nbytes() / total;
                     auto* to = static_cast<uint8_t*>(out[0].data<void>());
                     for (size_t i = 0; i < in.size(); ++i) {
                       size_t bytes = width * parts[i].count;
                       std::memcpy(to, static_cast<const uint8_t*>(in[i].data<void>()) + width * parts[i].begin, bytes);
                       to += bytes;
                     }
                   });
}

mx::array take_rows(const mx::array& x, const std::vector<int32_t>& rows) {
  std::vector<RowsPart> parts;
  for (int32_t r : rows) {
    if (!parts.empty() && r == parts.back().begin + parts.back().count) {
      parts.back().count += 1;
    } else {
      parts.push_back({x, r, 1});
    }
  }
  return gather_rows(parts);
}

} // namespace mtplx::kernels
