#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"

namespace mtplx::kernels {

// One evaluation as plain memory, shapes as in attention.h.
struct AttentionCall {
  const AttentionSpec& spec;
  std::span<const PlainAttentionSegment> segments;
  const float* q;
  const float* k; // may be new_k
  const float* v; // may be new_v
  const float* q_norm;
  const float* k_norm;
  float* y;
  float* new_k;
  float* new_v;
  const float* angles;      // [rows, rotary_dim], see write_angles
  float* overlay;           // of each segment, for each KV head: [groups, head_dim, 16]
  const size_t* overlay_at; // a segment's, in groups of one head
};

inline void check_attention(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[attention] ") + message);
  }
}
void check_attention(const AttentionSpec& spec);

// Cosines and then sines of a row at `position`, f32 [rotary_dim].
void write_angles(const AttentionSpec& spec, int position, float* angles);

// Where each segment's overlay begins; gives the groups of all. Segments that differ in their blocks alone have the
// same.
size_t place_overlays(std::span<const PlainAttentionSegment> segments, std::vector<size_t>& overlay_at);

// Some query heads of one KV head, rows [row_begin, row_end) of a segment.
struct AttentionTask {
  int segment, kv_head, head_begin, head_end, row_begin, row_end;
  int heads() const { return head_end - head_begin; }
};

// Divides the work; tells whether every KV head of a segment is one task, which then prepares its keys itself.
bool split_attention(const AttentionSpec& spec,
                     std::span<const PlainAttentionSegment> segments,
                     std::vector<AttentionTask>& tasks);

// One key of a new row, normed and rotated by its angles; y may be x.
void norm_key(const AttentionSpec& spec, const float* x, const float* weight, const float* angles, float* y);

// New rows of one KV head: keys normed and rotated, values copied, keys laid out. Before attend() of that head.
void prepare_keys(const AttentionCall& call, int segment, int kv_head);

void attend(const AttentionCall& call, const AttentionTask& task);

// All of it at once; angles and overlays are made in the calling thread's buffers.
void run_attention(AttentionCall call, int rows);

} // namespace mtplx::kernels
