// Boost.Asio's TLS half, compiled once.
#include <boost/asio/ssl/impl/src.hpp>
