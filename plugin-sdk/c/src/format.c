// Implements printf's formats for integers and text without a C library.
#include <hookyard/memory.h>
#include <hookyard/text.h>
#include <stddef.h>
#include <string.h>

typedef struct {
  bool left, zeros;
  int width;
  int precision; // -1: no precision
  enum { INT, CHAR, SHORT, LONG, LONG_LONG, INTMAX, SIZE, PTRDIFF } length;
  char conversion;
} directive;

static int read_number(const char **at, va_list *arguments) {
  if (**at == '*') {
    (*at)++;
    return va_arg(*arguments, int);
  }
  int number = 0;
  while (**at >= '0' && **at <= '9') number = number * 10 + *(*at)++ - '0';
  return number;
}

static directive read_directive(const char **at, va_list *arguments) {
  directive d = {.precision = -1};
  for (;; (*at)++) {
    if (**at == '-') d.left = true;
    else if (**at == '0') d.zeros = true;
    else break;
  }
  d.width = read_number(at, arguments);
  if (d.width < 0) d.left = true, d.width = -d.width;
  if (**at == '.') {
    (*at)++;
    d.precision = read_number(at, arguments);
  }
  switch (**at) {
    case 'h': d.length = (*at)[1] == 'h' ? CHAR : SHORT; break;
    case 'l': d.length = (*at)[1] == 'l' ? LONG_LONG : LONG; break;
    case 'j': d.length = INTMAX; break;
    case 'z': d.length = SIZE; break;
    case 't': d.length = PTRDIFF; break;
    default: break;
  }
  if (d.length != INT) *at += d.length == CHAR || d.length == LONG_LONG ? 2 : 1;
  d.conversion = **at;
  if (d.conversion != 0) (*at)++;
  return d;
}

static intmax_t signed_argument(directive d, va_list *arguments) {
  switch (d.length) {
    case CHAR: return (signed char)va_arg(*arguments, int);
    case SHORT: return (short)va_arg(*arguments, int);
    case LONG: return va_arg(*arguments, long);
    case LONG_LONG: return va_arg(*arguments, long long);
    case INTMAX: return va_arg(*arguments, intmax_t);
    case SIZE:
    case PTRDIFF: return va_arg(*arguments, ptrdiff_t);
    default: return va_arg(*arguments, int);
  }
}

static uintmax_t unsigned_argument(directive d, va_list *arguments) {
  switch (d.length) {
    case CHAR: return (unsigned char)va_arg(*arguments, int);
    case SHORT: return (unsigned short)va_arg(*arguments, int);
    case LONG: return va_arg(*arguments, unsigned long);
    case LONG_LONG: return va_arg(*arguments, unsigned long long);
    case INTMAX: return va_arg(*arguments, uintmax_t);
    case SIZE:
    case PTRDIFF: return va_arg(*arguments, size_t);
    default: return va_arg(*arguments, unsigned);
  }
}

static void repeat(hy_buffer *out, char c, int count) {
  for (; count > 0; count--) hy_append(out, (hy_string){&c, 1});
}

static void put_text(hy_buffer *out, directive d, hy_string text) {
  int padding = text.len < (size_t)d.width ? d.width - (int)text.len : 0;
  if (!d.left) repeat(out, ' ', padding);
  hy_append(out, text);
  if (d.left) repeat(out, ' ', padding);
}

static void put_number(hy_buffer *out, directive d, bool negative, uintmax_t value) {
  char digits[3 * sizeof value], *end = digits + sizeof digits, *start = end;
  unsigned base = d.conversion == 'x' || d.conversion == 'X' || d.conversion == 'p' ? 16 : 10;
  const char *alphabet = d.conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  for (; value > 0; value /= base) *--start = alphabet[value % base];
  int count = (int)(end - start), least = d.precision < 0 ? 1 : d.precision;
  if (d.zeros && !d.left && d.precision < 0 && d.width - negative > least) least = d.width - negative;
  int zeros = least > count ? least - count : 0;
  int padding = d.width - negative - zeros - count;
  if (!d.left) repeat(out, ' ', padding);
  repeat(out, '-', negative);
  repeat(out, '0', zeros);
  hy_append(out, (hy_string){start, (size_t)count});
  if (d.left) repeat(out, ' ', padding);
}

// The end of a text, which may have no zero within its precision.
static size_t length_within(const char *text, int precision) {
  if (precision < 0) return strlen(text);
  const char *end = precision == 0 ? text : memchr(text, 0, (size_t)precision);
  return end == NULL ? (size_t)precision : (size_t)(end - text);
}

static void put_directive(hy_buffer *out, directive d, va_list *arguments) {
  switch (d.conversion) {
    case 'd':
    case 'i': {
      intmax_t value = signed_argument(d, arguments);
      put_number(out, d, value < 0, value < 0 ? 0 - (uintmax_t)value : (uintmax_t)value);
      return;
    }
    case 'u':
    case 'x':
    case 'X': put_number(out, d, false, unsigned_argument(d, arguments)); return;
    case 'p': put_number(out, d, false, (uintptr_t)va_arg(*arguments, void *)); return;
    case 'c': {
      char c = (char)va_arg(*arguments, int);
      put_text(out, d, (hy_string){&c, 1});
      return;
    }
    case 's': {
      const char *text = va_arg(*arguments, const char *);
      put_text(out, d, text == NULL ? hy_str("") : (hy_string){text, length_within(text, d.precision)});
      return;
    }
    case '%': hy_append(out, hy_str("%")); return;
    default: hy_panic("hy_format does not know %%%c", d.conversion);
  }
}

void hy_append_format_list(hy_buffer *buffer, const char *format, va_list list) {
  va_list arguments; // a copy, because the address of a va_list parameter is not a va_list *
  va_copy(arguments, list);
  while (*format != 0) {
    if (*format == '%') {
      format++;
      directive d = read_directive(&format, &arguments);
      put_directive(buffer, d, &arguments);
    } else {
      const char *start = format;
      while (*format != 0 && *format != '%') format++;
      hy_append(buffer, (hy_string){start, (size_t)(format - start)});
    }
  }
  va_end(arguments);
}

void hy_append_format(hy_buffer *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  hy_append_format_list(buffer, format, arguments);
  va_end(arguments);
}

hy_string hy_format_list(const char *format, va_list arguments) {
  hy_buffer buffer = {0};
  hy_append_format_list(&buffer, format, arguments);
  return hy_appended(&buffer);
}

hy_string hy_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  hy_string text = hy_format_list(format, arguments);
  va_end(arguments);
  return text;
}
