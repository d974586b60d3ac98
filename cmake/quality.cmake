# Warnings, hardening and sanitizers, as one interface target that every target links.
add_library(quality INTERFACE)
target_compile_features(quality INTERFACE c_std_11)
target_compile_definitions(quality INTERFACE _GNU_SOURCE)
target_compile_options(quality INTERFACE
    -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wvla
    -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wcast-align
    -Wimplicit-fallthrough -fno-common -fno-omit-frame-pointer -fno-strict-aliasing
    $<$<BOOL:${WERROR}>:-Werror>)

# Assertions stay on in every build type: they are part of the program.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

set(SANITIZE "" CACHE STRING "address;undefined | thread | memory (empty: none)")
if(SANITIZE)
    list(JOIN SANITIZE "," sanitizers)
    target_compile_options(quality INTERFACE -fsanitize=${sanitizers} -fno-sanitize-recover=all)
    target_link_options(quality INTERFACE -fsanitize=${sanitizers})
else()
    # Hardening that costs nothing measurable; _FORTIFY_SOURCE needs optimisation.
    target_compile_options(quality INTERFACE -fstack-protector-strong -fPIE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=${FORTIFY_LEVEL}>)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        target_compile_options(quality INTERFACE -fcf-protection)
    endif()
    target_link_options(quality INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
