// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/small_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <thread>
#include <vector>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr std::size_t kMaxClients = 32;
constexpr int kMaxQueued = 128;
constexpr std::size_t kMaxRequestBytes = 8192;

struct Client {
  FileDescriptor socket;
  Clock::time_point deadline;
  std::string request;
  std::string reply;
  std::size_t num_sent = 0;
};

/// Takes what is there. @return whether the client may stay.
bool receive(Client& client, const HttpPage& page) {
  std::array<char, 4096> bytes;
  const ssize_t count = ::recv(client.socket.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
  client.request.append(bytes.data(), static_cast<std::size_t>(count));
  if (client.request.find("\r\n\r\n") != std::string::npos) {
    client.reply = http_reply(page, client.request);
  }
  return !client.reply.empty() || client.request.size() <= kMaxRequestBytes;
}

/// Gives what the socket takes. @return whether the client may stay.
bool give(Client& client) {
  const ssize_t count = ::send(client.socket.get(), client.reply.data() + client.num_sent,
                               client.reply.size() - client.num_sent, MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  client.num_sent += static_cast<std::size_t>(count);
  return client.num_sent < client.reply.size();
}

class Server final : public SmallHttpServer {
 public:
  Server(FileDescriptor listener, HttpPage page)
      : listener_(std::move(listener)), stop_(::eventfd(0, EFD_CLOEXEC)), page_(std::move(page)) {
    thread_ = std::thread([this] { serve(); });
  }

  ~Server() override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }

 private:
  void serve() {
    while (true) {
      std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (const Client& client : clients_) {
        const short wanted = client.reply.empty() ? POLLIN : POLLOUT;
        waits.push_back({client.socket.get(), wanted, 0});
      }
      constexpr int kTickMs = 200;
      ::poll(waits.data(), waits.size(), clients_.empty() ? -1 : kTickMs);
      if (waits[0].revents != 0) return;
      std::size_t i = 2;
      const Clock::time_point now = Clock::now();
      clients_.remove_if([&](Client& client) {
        const bool is_ready = waits[i++].revents != 0;
        return client.deadline < now || (is_ready && !attend(client));
      });
      if (waits[1].revents != 0) accept_all(now);
    }
  }

  bool attend(Client& client) {
    if (client.reply.empty() && !receive(client, page_)) return false;
    return client.reply.empty() || give(client);
  }

  void accept_all(Clock::time_point now) {
    while (true) {
      const int number = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (number < 0) break;
      if (clients_.size() == kMaxClients) clients_.pop_front();
      clients_.push_back({FileDescriptor(number), now + kPatience, {}, {}, 0});
    }
    // Out of descriptors: the connection stays queued, and asking again can wait.
    if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kPause);
  }

  FileDescriptor listener_, stop_;
  HttpPage page_;
  std::list<Client> clients_;  ///< the oldest first
  std::thread thread_;
};

}  // namespace

std::string http_reply(const HttpPage& page, const std::string& request) {
  const std::string line = request.substr(0, request.find("\r\n"));
  const std::size_t path_begin = line.find(' ') + 1;
  const std::string method = line.substr(0, line.find(' '));
  const std::string path =
      line.substr(path_begin, line.find_first_of(" ?", path_begin) - path_begin);
  const bool is_http = line.find(" HTTP/1.") != std::string::npos;
  const bool is_read = method == "GET" || method == "HEAD";
  std::string status = "200 OK";
  if (!is_http)
    status = "400 Bad Request";
  else if (!is_read)
    status = "405 Method Not Allowed";
  else if (path != page.path)
    status = "404 Not Found";
  const bool is_page = status.starts_with("200");
  const std::string text = is_page ? page.text() : status + '\n';
  const std::string type = is_page ? page.content_type : "text/plain; charset=utf-8";
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" +
         (method == "HEAD" ? "" : text);
}

std::unique_ptr<SmallHttpServer> SmallHttpServer::open(const std::string& host, int port,
                                                       HttpPage page) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  require(::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1, ErrorCode::kConfig,
          host + ": is no IPv4 address");
  FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  require(
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
          ::listen(listener.get(), kMaxQueued) == 0,
      ErrorCode::kTransport,
      host + ":" + std::to_string(port) +
          " cannot be bound; is another run using it? Choose another port");
  return std::make_unique<Server>(std::move(listener), std::move(page));
}

}  // namespace midpo
