#include "base/base64_x86.h"

#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

namespace kbs {

#if defined(__x86_64__)
namespace {

__attribute__((target("ssse3"))) std::size_t encode_ssse3(const unsigned char* in, std::size_t size,
                                                          char letter62, char letter63, char* out) {
  // Of each three bytes a, b, c a lane of 32 bits becomes b, a, c, b: then every group of six bits
  // lies within one half of its lane.
  const __m128i spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  // What to add to a group's value to get its letter, by what `range` below says.
  const char digit = '0' - 52;
  const __m128i offsets =
      _mm_setr_epi8('a' - 26, digit, digit, digit, digit, digit, digit, digit, digit, digit, digit,
                    static_cast<char>(letter62 - 62), static_cast<char>(letter63 - 63), 'A', 0, 0);
  std::size_t done = 0;
  for (; size - done >= 16; done += 12, out += 16) {  // loads 16 bytes, uses 12
    const __m128i bytes =
        _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + done)), spread);
    // Multiplying by a power of two moves each half's bits as far as that half needs: down, and up.
    const __m128i even = _mm_mulhi_epu16(_mm_and_si128(bytes, _mm_set1_epi32(0x0fc0'fc00)),
                                         _mm_set1_epi32(0x0400'0040));
    const __m128i odd = _mm_mullo_epi16(_mm_and_si128(bytes, _mm_set1_epi32(0x003f'03f0)),
                                        _mm_set1_epi32(0x0100'0010));
    const __m128i values = _mm_or_si128(even, odd);
    // 0 for small letters, 1 to 10 for digits, 11 and 12 for the last two, 13 for capital letters.
    const __m128i capital = _mm_cmpgt_epi8(_mm_set1_epi8(26), values);
    const __m128i range = _mm_or_si128(_mm_subs_epu8(values, _mm_set1_epi8(51)),
                                       _mm_and_si128(capital, _mm_set1_epi8(13)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_add_epi8(values, _mm_shuffle_epi8(offsets, range)));
  }
  return done;
}

}  // namespace
#endif

std::size_t encode_base64_x86([[maybe_unused]] const unsigned char* in,
                              [[maybe_unused]] std::size_t size, [[maybe_unused]] char letter62,
                              [[maybe_unused]] char letter63, [[maybe_unused]] char* out) {
#if defined(__x86_64__)
  static const bool can = __builtin_cpu_supports("ssse3") != 0;
  if (can && size >= 16) return encode_ssse3(in, size, letter62, letter63, out);
#endif
  return 0;
}

}  // namespace kbs
