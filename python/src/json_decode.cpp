// SPDX-License-Identifier: MIT
#include "values.hpp"

#include <charconv>
#include <cstdint>
#include <cstring>

namespace redstart::python {

namespace {

/// Reads one document straight into Python objects. Strict: what RFC 8259 does not allow is no JSON.
///
/// Methods return a new reference, or null: no JSON, or, with the interpreter's error set, no memory.
class reader {
 public:
  explicit reader(std::string_view text) noexcept : at_(text.data()), end_(text.data() + text.size()) {}

  PyObject* read_document() noexcept {
    skip_space();
    PyObject* value = read();
    if (!value) return nullptr;
    skip_space();
    if (at_ == end_) return value;
    Py_DECREF(value);
    return nullptr;
  }

 private:
  static constexpr int max_depth = 500;

  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool skip(char wanted) noexcept {
    skip_space();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }

  PyObject* read() noexcept {
    if (at_ == end_) return nullptr;
    switch (*at_) {
      case '{':
        return read_object();
      case '[':
        return read_array();
      case '"':
        return read_text();
      case 't':
        return read_word("true", Py_True);
      case 'f':
        return read_word("false", Py_False);
      case 'n':
        return read_word("null", Py_None);
      default:
        return read_number();
    }
  }

  PyObject* read_word(std::string_view word, PyObject* value) noexcept {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word) return nullptr;
    at_ += word.size();
    Py_INCREF(value);
    return value;
  }

  PyObject* read_array() noexcept {
    if (++depth_ > max_depth) return nullptr;
    ++at_;
    PyObject* list = PyList_New(0);
    if (!list) return nullptr;
    bool good = skip(']');
    if (!good) {
      for (;;) {
        skip_space();
        PyObject* value = read();
        if (!value) break;
        const int failed = PyList_Append(list, value);
        Py_DECREF(value);
        if (failed) break;
        if (skip(',')) continue;
        good = skip(']');
        break;
      }
    }
    --depth_;
    return good ? list : drop(list);
  }

  PyObject* read_object() noexcept {
    if (++depth_ > max_depth) return nullptr;
    ++at_;
    PyObject* dict = PyDict_New();
    if (!dict) return nullptr;
    bool good = skip('}');
    while (!good) {
      skip_space();
      if (at_ == end_ || *at_ != '"') break;
      PyObject* key = read_text();
      if (!key) break;
      PyObject* value = nullptr;
      if (skip(':')) {
        skip_space();
        value = read();
      }
      const int failed = value ? PyDict_SetItem(dict, key, value) : -1;
      Py_DECREF(key);
      Py_XDECREF(value);
      if (failed) break;
      if (skip(',')) continue;
      good = skip('}');
      break;
    }
    --depth_;
    return good ? dict : drop(dict);
  }

  PyObject* read_text() noexcept {
    const char* const first = ++at_;
    for (; at_ != end_; ++at_) {
      const auto byte = static_cast<unsigned char>(*at_);
      if (byte == '"') return PyUnicode_DecodeUTF8(first, at_++ - first, "strict");
      if (byte == '\\') return read_escaped(first);
      if (byte < 0x20) return nullptr;
    }
    return nullptr;
  }

  PyObject* read_escaped(const char* first) noexcept {
    try {
      std::string text(first, at_);
      while (at_ != end_) {
        const auto byte = static_cast<unsigned char>(*at_++);
        if (byte == '"') {
          return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()),
                                      lone_surrogates_ ? "surrogatepass" : "strict");
        }
        if (byte < 0x20) return nullptr;
        if (byte != '\\') {
          text.push_back(static_cast<char>(byte));
        } else if (!read_escape(text)) {
          return nullptr;
        }
      }
      return nullptr;
    } catch (const std::bad_alloc&) {
      return PyErr_NoMemory();
    }
  }

  bool read_escape(std::string& text) {
    if (at_ == end_) return false;
    switch (*at_++) {
      case '"':
        text.push_back('"');
        return true;
      case '\\':
        text.push_back('\\');
        return true;
      case '/':
        text.push_back('/');
        return true;
      case 'b':
        text.push_back('\b');
        return true;
      case 'f':
        text.push_back('\f');
        return true;
      case 'n':
        text.push_back('\n');
        return true;
      case 'r':
        text.push_back('\r');
        return true;
      case 't':
        text.push_back('\t');
        return true;
      case 'u':
        break;
      default:
        return false;
    }
    std::uint32_t code = 0;
    if (!read_hex(code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
      const char* const second = at_;
      at_ += 2;
      std::uint32_t low = 0;
      if (!read_hex(low)) return false;
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
      } else {
        at_ = second;
      }
    }
    if (code >= 0xD800 && code < 0xE000) lone_surrogates_ = true;
    append_utf8(text, code);
    return true;
  }

  bool read_hex(std::uint32_t& code) noexcept {
    if (end_ - at_ < 4) return false;
    const auto [end, problem] = std::from_chars(at_, at_ + 4, code, 16);
    if (problem != std::errc() || end != at_ + 4 || *at_ == '-') return false;
    at_ += 4;
    return true;
  }

  static void append_utf8(std::string& text, std::uint32_t code) {
    const auto put = [&text](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xC0 | (code >> 6U));
    } else if (code < 0x10000) {
      put(0xE0 | (code >> 12U));
      put(0x80 | ((code >> 6U) & 0x3FU));
    } else {
      put(0xF0 | (code >> 18U));
      put(0x80 | ((code >> 12U) & 0x3FU));
      put(0x80 | ((code >> 6U) & 0x3FU));
    }
    put(0x80 | (code & 0x3FU));
  }

  bool skip_digits() noexcept {
    const char* const first = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != first;
  }

  PyObject* read_number() noexcept {
    const char* const first = at_;
    if (*at_ == '-') ++at_;
    if (at_ == end_) return nullptr;
    if (*at_ == '0') {
      ++at_;
    } else if (!skip_digits()) {
      return nullptr;
    }
    bool whole = true;
    if (at_ != end_ && *at_ == '.') {
      whole = false;
      ++at_;
      if (!skip_digits()) return nullptr;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      whole = false;
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!skip_digits()) return nullptr;
    }
    if (whole) {
      long long value = 0;
      if (std::from_chars(first, at_, value).ec == std::errc()) return PyLong_FromLongLong(value);
    }
    try {
      const std::string text(first, at_);  // these two want a zero at the end
      if (whole) return PyLong_FromString(text.c_str(), nullptr, 10);
      const double value = PyOS_string_to_double(text.c_str(), nullptr, nullptr);
      return PyErr_Occurred() ? nullptr : PyFloat_FromDouble(value);
    } catch (const std::bad_alloc&) {
      return PyErr_NoMemory();
    }
  }

  static PyObject* drop(PyObject* object) noexcept {
    Py_DECREF(object);
    return nullptr;
  }

  const char* at_;
  const char* const end_;
  int depth_ = 0;
  bool lone_surrogates_ = false;
};

/// Whether a document could begin so: spares ordinary text the attempt.
bool may_be_json(std::string_view bytes) noexcept {
  if (bytes.empty()) return false;
  switch (bytes.front()) {
    case '{':
    case '[':
    case '"':
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
    case 't':
    case 'f':
    case 'n':
    case ' ':
    case '\n':
    case '\r':
    case '\t':
      return true;
    default:
      return false;
  }
}

}  // namespace

PyObject* text_object(std::string_view bytes) noexcept {
  const auto size = static_cast<Py_ssize_t>(bytes.size());
  if (PyObject* text = PyUnicode_DecodeUTF8(bytes.data(), size, "strict")) return text;
  if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return nullptr;
  PyErr_Clear();
  return PyBytes_FromStringAndSize(bytes.data(), size);
}

PyObject* value_object(std::string_view bytes) noexcept {
  if (may_be_json(bytes)) {
    if (PyObject* value = reader(bytes).read_document()) return value;
    // Not UTF-8 within a string, or more digits than Python takes: no JSON either.
    if (PyErr_Occurred()) {
      if (PyErr_ExceptionMatches(PyExc_MemoryError)) return nullptr;
      PyErr_Clear();
    }
  }
  return text_object(bytes);
}

}  // namespace redstart::python
