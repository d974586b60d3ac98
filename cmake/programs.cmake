# The programs: the node and its control program.
file(GLOB node_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/node/*.c)
if(node_sources)
    add_executable(callbackd ${node_sources})
    embed(callbackd node/dashboard.html dashboard_html)
    target_link_libraries(callbackd PRIVATE node_http node_dialects node_handlers node_obs
        node_config node_peers node_clients node_auth)
    set_target_properties(callbackd PROPERTIES ENABLE_EXPORTS OFF WHOLE_PROGRAM ON)
    install(TARGETS callbackd RUNTIME)
    install(FILES node/include/callbackd/plugin.h TYPE INCLUDE)
endif()

add_executable(callbackctl node/ctl/main.c)
target_link_libraries(callbackctl PRIVATE node_ctl)
install(TARGETS callbackctl RUNTIME)
