// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"

#include <cerrno>
#include <cstdlib>
#include <new>

// The heap of glibc by its other names, as its manual allows for those who replace the usual ones.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace redstart::test {
namespace {

struct state {
  std::size_t requests = 0;
  std::ptrdiff_t live = 0;
  std::size_t until_failure = 0;  // 0: none is to fail
  std::size_t failures_left = 0;
  std::size_t failed = 0;
  bool is_sheltered = false;
};
constinit thread_local state here;

void* counted(void* memory) noexcept {
  if (memory != nullptr) ++here.live;
  return memory;
}

bool is_to_fail() noexcept {
  if (here.is_sheltered || here.failures_left == 0) return false;
  if (here.until_failure > 1) {
    --here.until_failure;
    return false;
  }
  --here.failures_left;
  ++here.failed;
  return true;
}

void* request(std::size_t size) noexcept {
  ++here.requests;
  return is_to_fail() ? nullptr : counted(__libc_malloc(size == 0 ? 1 : size));
}

void* request(std::size_t size, std::size_t alignment) noexcept {
  ++here.requests;
  return is_to_fail() ? nullptr : counted(__libc_memalign(alignment, size));
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory == nullptr) return;
  --here.live;
  __libc_free(memory);
}

std::size_t size_of(std::align_val_t alignment) noexcept { return static_cast<std::size_t>(alignment); }

}  // namespace

std::size_t allocations() noexcept { return here.requests; }
std::ptrdiff_t live_blocks() noexcept { return here.live; }
std::size_t failed_allocations() noexcept { return here.failed; }

failing_allocations::failing_allocations(std::size_t first, std::size_t count) noexcept {
  here.until_failure = first;
  here.failures_left = count;
}
failing_allocations::~failing_allocations() { here.failures_left = 0; }

sheltered::sheltered() noexcept : before_(here.is_sheltered) { here.is_sheltered = true; }
sheltered::~sheltered() { here.is_sheltered = before_; }

}  // namespace redstart::test

namespace heap = redstart::test;

void* operator new(std::size_t size) { return heap::or_throw(heap::request(size)); }
void* operator new[](std::size_t size) { return heap::or_throw(heap::request(size)); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return heap::request(size); }
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return heap::request(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return heap::or_throw(heap::request(size, heap::size_of(alignment)));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return heap::or_throw(heap::request(size, heap::size_of(alignment)));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t& /*tag*/) noexcept {
  return heap::request(size, heap::size_of(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t& /*tag*/) noexcept {
  return heap::request(size, heap::size_of(alignment));
}
void operator delete(void* memory) noexcept { heap::give_back(memory); }
void operator delete[](void* memory) noexcept { heap::give_back(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { heap::give_back(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { heap::give_back(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { heap::give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept { heap::give_back(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { heap::give_back(memory); }
void operator delete[](void* memory, std::align_val_t /*alignment*/) noexcept { heap::give_back(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  heap::give_back(memory);
}
void operator delete[](void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  heap::give_back(memory);
}

// What C code takes, and what the language takes for exceptions, is only counted.
extern "C" {
void* malloc(std::size_t size) { return heap::counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return heap::counted(__libc_calloc(count, size)); }
void* realloc(void* memory, std::size_t size) {
  if (memory == nullptr) return malloc(size);
  if (size == 0) --heap::here.live;
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) { return heap::counted(__libc_memalign(alignment, size)); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  *memory = memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return heap::request(size, alignment); }
void free(void* memory) { heap::give_back(memory); }
}
