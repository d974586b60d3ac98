# embed(TARGET FILE SYMBOL): the bytes of FILE as `const unsigned char SYMBOL[]` and
# `const size_t SYMBOL_size` of that target.
function(embed target file symbol)
    file(READ ${CMAKE_SOURCE_DIR}/${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    set(source ${CMAKE_BINARY_DIR}/${symbol}.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "/* Made of ${file}. */
#include <stddef.h>
extern const unsigned char ${symbol}[];
extern const size_t ${symbol}_size;
const unsigned char ${symbol}[] = {@bytes@};
const size_t ${symbol}_size = sizeof ${symbol};
" @ONLY)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
    target_sources(${target} PRIVATE ${source})
endfunction()
