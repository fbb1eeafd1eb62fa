"""Sockets of every family. See `files` for how an attack is written."""

import os
import socket
import urllib.request


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def internet(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect(("127.0.0.1", 80))
    return honest(campaign)


def internet_6(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    return honest(campaign)


def unix(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect("\0dbus")
    return honest(campaign)


def netlink(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    return honest(campaign)


def packet(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    return honest(campaign)


def virtual_machine(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    return honest(campaign)


def crypto(campaign):
    """forbidden system call"""
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
    return honest(campaign)


def pair(campaign):
    """forbidden system call"""
    socket.socketpair()
    return honest(campaign)


def pipe(campaign):
    """forbidden system call"""
    os.pipe()
    return honest(campaign)


def web(campaign):
    """forbidden system call; raised: Error"""
    urllib.request.urlopen("http://huggingface.co")
    return honest(campaign)
