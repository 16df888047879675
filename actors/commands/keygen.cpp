// SPDX-License-Identifier: Apache-2.0
// midpo keygen: a key pair with which a worker, or a run that takes workers, proves who it is.
#include <cstdio>

#include "actors/commands/command.h"
#include "runtime/transport/curve_keys.h"

namespace midpo {
namespace {

class KeygenCommand : public Command {
 public:
  KeygenCommand() : table_("keygen", "Make a key pair for workers of other hosts") {
    table_.example("midpo keygen --output node1      # node1.key stays there, node1.pub travels");
    table_.group("Keys");
    table_.text("output", &output_, "NAME", "Writes NAME.key (the secret) and NAME.pub")
        .is_required = true;
  }

  OptionTable& options() override { return table_; }

  int run() override {
    write_key_files(generate_key_pair(), output_);
    std::printf("%s.key  the secret: keep it on the host that uses it\n", output_.c_str());
    std::printf("%s.pub  for the other side\n", output_.c_str());
    return 0;
  }

 private:
  std::string output_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_keygen_command() { return std::make_unique<KeygenCommand>(); }

}  // namespace midpo
