namespace kbs::storage {}
