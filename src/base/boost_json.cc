// Boost.JSON, compiled once, with our flags and sanitizers.
#include <boost/json/src.hpp>
