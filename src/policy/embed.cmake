# embed.cmake: cmake -DOUT=file.inc -DNAME=kDefaultCpu -DIN=file.rego -P embed.cmake writes the text as a raw literal.
file(READ ${IN} text)
file(WRITE ${OUT} "constexpr std::string_view ${NAME} = R\"__rego__(${text})__rego__\";\n")
