// Boost.Asio's non-template half, compiled once.
#include <boost/asio/impl/src.hpp>
